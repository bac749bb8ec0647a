//! Parks and unparks on two threads, on std.

use std::thread;

fn main() {
    let main = thread::current();
    let there = thread::spawn(move || {
        thread::park();
        main.unpark();
    });
    there.thread().unpark();
    thread::park();
}
