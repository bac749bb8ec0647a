/* Chooses the backend for a program that knows nothing of it. */

#include "test.h"

__attribute__((constructor)) static void choose(void)
{
    test_choose_backend();
}
