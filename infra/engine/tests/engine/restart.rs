use std::fs;
use std::path::Path;

use aws_sdk_secretsmanager as secretsmanager;
use engine::{Engine, OpenError, Options};

use crate::bed::{Bed, START, bodies};
use crate::table;

/// What `kill -9` leaves: the files as they are, nothing closed, nothing flushed.
fn killed(folder: &Path) -> tempfile::TempDir {
    let image = tempfile::tempdir().unwrap();
    for file in fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        if !file.file_name().to_string_lossy().ends_with("-shm") {
            fs::copy(file.path(), image.path().join(file.file_name())).unwrap();
        }
    }
    image
}

#[tokio::test]
async fn everything_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let bed = Bed::at(Some(folder.path()), START);
    let (url, dead) = bed.queue_with_dlq("q", 5).await;
    bed.send(&url, "hidden").await;
    let hidden = bed.receive(&url).await.remove(0);
    bed.sqs.send_message().queue_url(&url).message_body("delayed").delay_seconds(100).send().await.unwrap();
    bed.send(&url, "visible").await;
    table::create(&bed).await;
    table::put(&bed, "a", "1", 7).await;
    assert!(bed.engine.set_secret_if_absent("jwt", "first").await.unwrap());
    let before = bed.depth(&url).await;
    assert_eq!(before, (1, 1, 1));

    let image = killed(folder.path());
    let after = Bed::at(Some(image.path()), START + 1000);
    assert_eq!((after.depth(&url).await, after.depth(&dead).await), (before, (0, 0, 0)));
    assert_eq!(bodies(&after.receive(&url).await), ["visible"]);
    after.delete(&url, &hidden).await;
    assert_eq!(after.depth(&url).await, (0, 1, 1));
    after.pass(99_000);
    assert_eq!(after.receive(&url).await.len(), 2);
    assert_eq!(table::get(&after, "a", "1").await, Some(7));
    assert!(!after.engine.set_secret_if_absent("jwt", "second").await.unwrap());
    let secrets = secretsmanager::Client::new(&after.engine.sdk_config());
    let secret = secrets.get_secret_value().secret_id("jwt").send().await.unwrap();
    assert_eq!(secret.secret_string(), Some("first"));
}

#[tokio::test]
async fn a_folder_has_one_engine_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let clock = Bed::new().hands;
        Engine::open(Options { data_dir: Some(folder.path().to_owned()), clock })
    };
    let first = open().unwrap();
    let Err(error) = open() else { panic!("two engines in one folder") };
    assert!(matches!(error, OpenError::InUse(_)));
    assert!(error.to_string().contains(folder.path().to_str().unwrap()), "{error}");
    // A client keeps the files open as an engine does.
    let client = first.connector();
    drop(first);
    assert!(open().is_err());
    drop(client);
    assert!(open().is_ok());
}

#[tokio::test]
async fn a_folder_that_cannot_be_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let options = Options { data_dir: Some(file.path().join("below")), clock: Bed::new().hands };
    let Err(error) = Engine::open(options) else { panic!("a folder below a file") };
    assert!(error.to_string().contains("below"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("queues.db"), "no database ".repeat(1000)).unwrap();
    let options = Options { data_dir: Some(folder.path().to_owned()), clock: Bed::new().hands };
    assert!(matches!(Engine::open(options), Err(OpenError::Queues(_))));
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_and_its_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let outer = tempfile::tempdir().unwrap();
    let (new, open) = (outer.path().join("new"), outer.path().join("open"));
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    // As a release before left them.
    let image = {
        let before = Bed::at(Some(&outer.path().join("before")), START);
        before.queue_with_dlq("q", 5).await;
        killed(&outer.path().join("before"))
    };
    for file in fs::read_dir(image.path()).unwrap() {
        let to = open.join(file.as_ref().unwrap().file_name());
        fs::copy(file.unwrap().path(), &to).unwrap();
        fs::set_permissions(&to, fs::Permissions::from_mode(0o644)).unwrap();
    }
    for folder in [&new, &open] {
        let bed = Bed::at(Some(folder), START);
        bed.queue_with_dlq("q", 5).await;
        table::create(&bed).await;
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|file| {
                let path = file.unwrap().path();
                assert_eq!(mode(&path), 0o600, "{}", path.display());
                path.file_name().unwrap().to_string_lossy().into_owned()
            })
            .collect();
        names.retain(|name| !name.contains('-'));
        names.sort_unstable();
        assert_eq!(names, ["lock", "queues.db", "table.db"]);
    }
    assert_eq!(mode(&new), 0o700);
    assert_eq!(mode(&open), 0o755, "a folder that was there is its owner's to open");
}
