//! What the log says.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tracing_subscriber::util::SubscriberInitExt;

use crate::morgue::Morgue;

/// Where a test's log goes.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn every_line_about_a_letter_names_its_job() {
    let morgue = Morgue::new().await;
    let job = morgue.held(1).await;
    morgue.pass(66);
    let paper = Paper::default();
    let writer = paper.clone();
    let log = tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::INFO);
    let _guard = log.with_ansi(false).with_writer(move || writer.clone()).set_default();
    for (rescued, told) in [(0, "sent afresh"), (1, "a job was dead-lettered")] {
        morgue.bury_run(&job, rescued).await;
        assert_eq!(morgue.step().await, (1, 0));
        let text = String::from_utf8(std::mem::take(&mut *paper.0.lock().unwrap())).unwrap();
        assert!(text.contains(told), "{text}");
        for line in text.lines() {
            assert!(line.contains(&format!("job={}", job.id)) && line.contains("messageId="), "{line}");
        }
    }
}
