//! Waits and wakes on two threads, on parking_lot: it has no parker to offer, so a mutex and a condition
//! variable stand in for one.

use parking_lot::{Condvar, Mutex};
use std::thread;

struct Parker {
    token: Mutex<bool>,
    came: Condvar,
}

impl Parker {
    const fn new() -> Self {
        Self { token: Mutex::new(false), came: Condvar::new() }
    }

    fn park(&self) {
        let mut token = self.token.lock();
        self.came.wait_while(&mut token, |token| !*token);
        *token = false;
    }

    fn unpark(&self) {
        *self.token.lock() = true;
        self.came.notify_one();
    }
}

static THERE: Parker = Parker::new();
static BACK: Parker = Parker::new();

fn main() {
    thread::spawn(|| {
        THERE.park();
        BACK.unpark();
    });
    THERE.unpark();
    BACK.park();
}
