//! A worker that is told to leave while it starts leaves then, and not when it has started.

use rustix::process::{Pid, Signal, kill_process};

use crate::program::Program;

#[test]
fn a_signal_is_obeyed_while_the_bus_is_away() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut program = Program::serve(&["--cache", "cache"]);
        program.until_tried("cache");
        let pid = Pid::from_child(&program.child);
        kill_process(pid, signal).expect("it runs");
        let status = program.ended();
        assert!(status.success(), "{signal:?}: {status}");
    }
}

#[test]
fn so_is_the_end_of_its_parent() {
    let mut program = Program::serve(&["--cache", "cache", "--exit-on-stdin-eof"]);
    program.until_tried("cache");
    drop(program.child.stdin.take());
    let status = program.ended();
    assert!(status.success(), "{status}");
}
