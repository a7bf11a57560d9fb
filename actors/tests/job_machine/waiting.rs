//! A job waits from when a task of it could go until a worker has taken all that went out.

use actors::admission::queue::{Queue, Summary};
use bus_schema::id::{TaskNumber, WorkerName};

use crate::world::World;

#[test]
fn a_job_waits_until_its_task_is_taken() {
    let mut world = World::uploaded(60);
    let uploaded_ms = world.now_ms;
    let mut queue = Queue::default();
    let mut look = |world: &World| {
        queue.note(Summary::of(&world.job, world.now_ms));
        queue.waits_since_ms()
    };
    assert_eq!(look(&world), Some(uploaded_ms), "the probe could go");
    world.now_ms += 1_000;
    assert_eq!(look(&world), Some(uploaded_ms), "and still could");
    world.release_all();
    let released_ms = world.now_ms;
    world.now_ms += 1_000;
    assert_eq!(look(&world), Some(released_ms), "nobody has taken it");
    let worker: WorkerName = "w1".parse().expect("a worker's name");
    world.claim(TaskNumber(0), &worker).expect("the probe");
    assert_eq!(look(&world), None, "nothing else is there to do");
}
