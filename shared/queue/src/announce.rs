//! Announcing the next occurrence of a job's schedule.

use domain::job::Job;
use domain::life::READ_AHEAD;
use domain::message::JobMessage;
use domain::time::Moment;

use crate::JobQueues;

impl JobQueues {
    /// Sends the message of the job's next occurrence if that is near. Whoever has written such an occurrence
    /// calls this after the write.
    ///
    /// A message that cannot be sent, or a crash before it is: the tick, which looks once a minute, announces
    /// the occurrence. It may be some seconds late then, so a failure is told of and does not fail the caller.
    pub async fn announce(&self, job: &Job, now: Moment) {
        let Some(table) = job.timetable.as_ref().filter(|_| !job.status.is_end()) else { return };
        let Some(due) = table.due().filter(|due| *due <= now.plus(READ_AHEAD)) else { return };
        let message = JobMessage::fire(job.id, table.rev, due);
        if let Err(error) = self.send(job.priority, job.user_id, &message, due.since(now)).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(job = %job.id, error, "an occurrence could not be announced; the tick will");
        }
    }
}
