//! What the image runs is what the program understands.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;

use clap::Parser;
use local::settings::{Command, CommandLine};

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)).unwrap()
}

/// The words of an instruction of the Dockerfile, or of its health check.
fn words(dockerfile: &str, instruction: &str) -> Vec<String> {
    let line = dockerfile.lines().find(|line| line.starts_with(instruction)).unwrap();
    serde_json::from_str(&line[line.find('[').unwrap()..]).unwrap()
}

#[test]
fn the_image_listens_to_all_keeps_its_data_in_the_volume_and_asks_where_it_listens() {
    let dockerfile = file("Dockerfile");
    let entry = words(&dockerfile, "ENTRYPOINT");
    let runs = CommandLine::parse_from([entry, words(&dockerfile, "CMD")].concat());
    assert!(runs.command.is_none() && runs.settings.host.is_unspecified());
    let volume = dockerfile.lines().find_map(|line| line.strip_prefix("VOLUME ")).unwrap();
    assert_eq!(runs.settings.data_dir(), Some(volume.into()));
    let Some(Command::Health { host, port }) =
        CommandLine::parse_from(words(&dockerfile, "HEALTHCHECK")).command
    else {
        panic!("it asks for something else")
    };
    assert!(host.is_loopback() && port == runs.settings.port);
    assert!(dockerfile.contains(&format!("EXPOSE {port}\n")));
    assert!(dockerfile.contains("\nUSER 65532:65532\n"), "it is not root");
}

#[test]
fn compose_lets_this_machine_in_and_nobody_else() {
    let compose = file("compose.yaml");
    assert!(compose.contains("ports: [\"127.0.0.1:3000:3000\"]"));
    assert!(compose.contains("volumes: [\"data:/data\"]"));
    assert!(compose.contains("EGRESS_ALLOW: 127.0.0.0/8,::1/128\n"));
}
