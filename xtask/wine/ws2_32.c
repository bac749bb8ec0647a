/*
 * Stand-in for the 32-bit ws2_32.dll: Wine 8's own has no part that runs under a 64-bit loader, and Rust's std imports these
 * names whether a program uses sockets or not. Every function answers WSASYSNOTREADY (10091). The number is the size of the
 * arguments, which a stdcall function removes itself.
 */
#define STUB(name, bytes) \
    __declspec(dllexport) __attribute__((naked)) void name(void) { __asm__("movl $10091, %eax\n\tret $" #bytes); }

STUB(WSAStartup, 8) STUB(WSACleanup, 0) STUB(WSAGetLastError, 0) STUB(WSASetLastError, 4) STUB(WSASocketW, 24)
STUB(WSARecv, 28) STUB(WSASend, 28) STUB(WSAIoctl, 36) STUB(WSAPoll, 12) STUB(WSADuplicateSocketW, 12)
STUB(accept, 12) STUB(bind, 12) STUB(closesocket, 4) STUB(connect, 12) STUB(freeaddrinfo, 4) STUB(getaddrinfo, 16)
STUB(getpeername, 12) STUB(getsockname, 12) STUB(getsockopt, 20) STUB(ioctlsocket, 12) STUB(listen, 8)
STUB(recv, 16) STUB(recvfrom, 24) STUB(select, 20) STUB(send, 16) STUB(sendto, 24) STUB(setsockopt, 20)
STUB(shutdown, 8)
