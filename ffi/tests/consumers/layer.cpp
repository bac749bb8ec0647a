#include <ntpark.hpp>

#include <chrono>

int main()
{
    static ntpark::parker parker;

    parker.unpark();
    return parker.park() == NTPARK_OK && parker.park_for(std::chrono::milliseconds(1)) == NTPARK_TIMEOUT ? 0 : 1;
}
