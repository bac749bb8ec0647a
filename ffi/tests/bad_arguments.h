/* The test of bad arguments. */

#ifndef BAD_ARGUMENTS_H
#define BAD_ARGUMENTS_H

void bad_arguments(void);

#endif
