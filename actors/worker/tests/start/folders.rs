//! What a worker keeps lies in the folder that it was told, else among the user's caches, and nowhere
//! else.

use crate::program::Program;

#[test]
fn it_keeps_what_it_was_told_to_keep_there() {
    let program = Program::serve(&["--cache", "data/cache"]);
    program.until_tried("data/cache");
    let kept = ["encoders.json", "plugins", "registry.bin"];
    assert_eq!(program.names("data/cache"), kept);
    for folder in ["home", "tmp"] {
        assert!(program.names(folder).is_empty(), "{folder}");
    }
}

#[test]
fn by_hand_it_keeps_it_among_the_users_caches() {
    let program = Program::serve(&[]);
    program.until_tried("home/.cache/tcoder");
    assert!(program.names("tmp").is_empty());
    assert_eq!(program.names("home"), [".cache"]);
    assert_eq!(program.names("home/.cache"), ["tcoder"]);
}
