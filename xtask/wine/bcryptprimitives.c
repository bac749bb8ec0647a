/* Stand-in for bcryptprimitives.dll, which Wine before 9 lacks: Rust's std imports ProcessPrng, for a few bytes. */
#include <stddef.h>

unsigned char __stdcall SystemFunction036(void *buffer, unsigned long length); /* RtlGenRandom, advapi32 */

__declspec(dllexport) int __stdcall ProcessPrng(unsigned char *buffer, size_t length)
{
    return length <= 0x10000000 && SystemFunction036(buffer, (unsigned long)length);
}
