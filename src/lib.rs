//! Parking for Windows without std, without an allocator, without thread-locals.
#![no_std]
