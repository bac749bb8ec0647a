/* A DLL with a copy of the library of its own. */

#include "two_copies.h"

__declspec(dllexport) const struct copy *dll_copy(void);

const struct copy *dll_copy(void)
{
    return &OWN_COPY;
}
