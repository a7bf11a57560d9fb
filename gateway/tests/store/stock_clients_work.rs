//! Clients that know nothing of us take the store for an S3: a round trip with `rclone` and with `aws`,
//! whichever is on PATH or in `.tools/bin`.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::fixture::{ACCESS_KEY, Fixture, SECRET_KEY, noise};

/// Above the 8 MiB at which both clients upload in parts.
const LARGE: usize = 21 << 20;

fn find(name: &str) -> Option<PathBuf> {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([tools])
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Runs to success; its output.
async fn run(command: &mut Command) -> String {
    let done = tokio::time::timeout(crate::fixture::DEADLINE, command.output())
        .await
        .expect("the client ends")
        .expect("the client starts");
    let (out, err) = (
        String::from_utf8_lossy(&done.stdout).into_owned(),
        String::from_utf8_lossy(&done.stderr),
    );
    assert!(done.status.success(), "{command:?}\n{out}\n{err}");
    out
}

/// A tree to carry there and back: small, empty, large, and with names that need encoding.
fn make_tree(dir: &Path) {
    std::fs::create_dir_all(dir.join("sub folder")).expect("the tree is ours");
    std::fs::write(dir.join("small.txt"), "hello").expect("the tree is ours");
    std::fs::write(dir.join("sub folder/ünï+code %41 & =.txt"), "name").expect("the tree is ours");
    std::fs::write(dir.join("large.bin"), noise(LARGE, 9)).expect("the tree is ours");
}

fn assert_same(a: &Path, b: &Path) {
    for name in ["small.txt", "sub folder/ünï+code %41 & =.txt", "large.bin"] {
        assert!(
            std::fs::read(a.join(name)).expect("the tree is ours")
                == std::fs::read(b.join(name)).expect("the tree is ours"),
            "{name}"
        );
    }
}

#[tokio::test]
async fn rclone() {
    let Some(rclone) = find("rclone") else {
        println!("SKIPPED: rclone is neither on PATH nor in .tools/bin (Debian package: rclone)");
        return;
    };
    let fixture = Fixture::start().await;
    let (from, to) = (
        fixture.outside.path().join("from"),
        fixture.outside.path().join("to"),
    );
    make_tree(&from);
    let command = || {
        let mut command = Command::new(&rclone);
        command
            .env("RCLONE_CONFIG", fixture.outside.path().join("rclone.conf"))
            .env("RCLONE_CONFIG_T_TYPE", "s3")
            .env("RCLONE_CONFIG_T_PROVIDER", "Other")
            .env("RCLONE_CONFIG_T_ENDPOINT", fixture.endpoint())
            .env("RCLONE_CONFIG_T_REGION", "us-east-1")
            .env("RCLONE_CONFIG_T_ACCESS_KEY_ID", ACCESS_KEY)
            .env("RCLONE_CONFIG_T_SECRET_ACCESS_KEY", SECRET_KEY)
            .env("NO_PROXY", "127.0.0.1")
            // Of its AWS library's settings it cannot stand this one.
            .env_remove("AWS_CA_BUNDLE")
            .args([
                "--retries",
                "1",
                "--s3-upload-cutoff",
                "8M",
                "--s3-chunk-size",
                "5M",
            ]);
        command
    };
    run(command().args(["copy"]).arg(&from).arg("t:tcoder/tree")).await;
    run(command()
        .args(["check", "--download"])
        .arg(&from)
        .arg("t:tcoder/tree"))
    .await;
    let listed = run(command().args(["lsf", "-R", "--format", "sp", "t:tcoder/tree"])).await;
    assert!(
        listed.contains(&format!("{LARGE};large.bin"))
            && listed.contains("sub folder/ünï+code %41 & =.txt"),
        "{listed}"
    );
    run(command().args(["copyto", "t:tcoder/tree/small.txt", "t:tcoder/copied.txt"])).await;
    assert_eq!(
        run(command().args(["cat", "t:tcoder/copied.txt"])).await,
        "hello"
    );
    assert_eq!(
        run(command().args([
            "cat",
            "--offset",
            "1",
            "--count",
            "3",
            "t:tcoder/copied.txt"
        ]))
        .await,
        "ell"
    );
    run(command().args(["copy", "t:tcoder/tree"]).arg(&to)).await;
    assert_same(&from, &to);
    run(command().args(["delete", "t:tcoder"])).await;
    assert_eq!(fixture.blobs(), 0);
    run(command().args(["mkdir", "t:fresh"])).await;
    run(command().args(["rmdir", "t:fresh"])).await;
}

#[tokio::test]
async fn aws() {
    let Some(aws) = find("aws") else {
        println!("SKIPPED: aws is neither on PATH nor in .tools/bin (Debian package: awscli)");
        return;
    };
    let fixture = Fixture::start().await;
    let (from, to) = (
        fixture.outside.path().join("from"),
        fixture.outside.path().join("to"),
    );
    make_tree(&from);
    // Against addresses other than AWS's it would presign with version 2, which the store refuses.
    let config = fixture.outside.path().join("aws.conf");
    std::fs::write(&config, "[default]\ns3 =\n  signature_version = s3v4\n").unwrap();
    let command = || {
        let mut command = Command::new(&aws);
        command
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_CONFIG_FILE", &config)
            .env("NO_PROXY", "127.0.0.1")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_MAX_ATTEMPTS", "1")
            .arg("--endpoint-url")
            .arg(fixture.endpoint());
        command
    };
    run(command().args(["s3", "mb", "s3://fresh"])).await;
    run(command()
        .args(["s3", "cp", "--recursive"])
        .arg(&from)
        .arg("s3://fresh/tree"))
    .await;
    let listed = run(command().args(["s3", "ls", "--recursive", "s3://fresh/tree"])).await;
    assert!(
        listed.contains(&format!("{LARGE} tree/large.bin"))
            && listed.contains("sub folder/ünï+code %41 & =.txt"),
        "{listed}"
    );
    let folders = run(command().args(["s3", "ls", "s3://fresh/tree/"])).await;
    assert!(folders.contains("PRE sub folder/"), "{folders}");
    run(command().args([
        "s3",
        "cp",
        "s3://fresh/tree/small.txt",
        "s3://tcoder/copied.txt",
    ]))
    .await;
    run(command()
        .args(["s3", "cp", "--recursive", "s3://fresh/tree"])
        .arg(&to))
    .await;
    assert_same(&from, &to);
    let url = run(command().args(["s3", "presign", "s3://tcoder/copied.txt"])).await;
    assert_eq!(
        crate::fixture::send("GET", url.trim(), &[], b"").await.body,
        b"hello"
    );
    run(command().args(["s3", "rm", "--recursive", "s3://fresh"])).await;
    run(command().args(["s3", "rb", "s3://fresh"])).await;
    assert_eq!(fixture.blobs(), 1);
}
