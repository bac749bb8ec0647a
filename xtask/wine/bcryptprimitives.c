/* Stand-in for bcryptprimitives.dll, which Rust's std imports ProcessPrng from and Wine before 9 lacks. */
#include <stddef.h>

unsigned char __stdcall SystemFunction036(void *buffer, unsigned long length); /* RtlGenRandom, advapi32 */

__declspec(dllexport) int __stdcall ProcessPrng(unsigned char *buffer, size_t length)
{
    while (length != 0) {
        unsigned long part = length > 0x10000000u ? 0x10000000u : (unsigned long)length;
        if (!SystemFunction036(buffer, part))
            return 0;
        buffer += part;
        length -= part;
    }
    return 1;
}
