#include <ntpark.h>

#include <stdio.h>

int main(void)
{
    static ntpark_parker parker;

    if (ntpark_version() != NTPARK_VERSION)
        return 1;
    ntpark_parker_unpark(&parker);
    if (ntpark_parker_park(&parker) != NTPARK_OK || ntpark_parker_park_timeout(&parker, 1000000) != NTPARK_TIMEOUT)
        return 2;
    puts(ntpark_kind_name(ntpark_backend_in_use()));
    return 0;
}
