/* The tests of the token parker, which every backend passes. */

#ifndef TOKEN_H
#define TOKEN_H

void token_before_park(void);
void token_is_one(void);
void token_wakes(void);
void token_busy(void);
void token_timeout(void);
void token_ping_pong(void);
void token_on_the_stack(void);
void token_crosses_timeout(void);

#define TOKEN_TESTS                                                                                            \
    {"token_before_park", token_before_park}, {"token_is_one", token_is_one}, {"token_wakes", token_wakes},    \
        {"token_busy", token_busy}, {"token_timeout", token_timeout}, {"token_ping_pong", token_ping_pong},    \
        {"token_on_the_stack", token_on_the_stack}, {"token_crosses_timeout", token_crosses_timeout}

#endif
