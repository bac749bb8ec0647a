use std::process::Command;

/// Set in a child, to the name of the test that is its own.
const VARIABLE: &str = "NTPARK_TEST_CHILD";

/// Runs a test in a process of its own: what a process does once can only be tested there. Called by that
/// test, with its name in this test program; the child comes here again and runs the body.
pub(crate) fn in_own_process(test: &str, body: impl FnOnce()) {
    if std::env::var(VARIABLE).is_ok_and(|name| name == test) {
        return body();
    }
    let program = std::env::current_exe().expect("this program is a file");
    let mut child = Command::new(program);
    child.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(VARIABLE, test);
    let output = child.output().expect("this program can be started once more");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the child failed: {}\n{said}", output.status);
    // A name that is none would make a child that does nothing and succeeds.
    assert!(said.contains("1 passed"), "the child ran another number of tests than one:\n{said}");
}
