//! Dead letters: webhooks that nobody took, and jobs whose workers kept dying. An administrator looks at them and gives
//! them another chance.

pub(crate) mod look;
pub(crate) mod redrive;

use edge::{Answer, Caller, Code, Problem};

use crate::App;

/// How many jobs one request shows, or runs again.
const MOST_JOBS: u64 = 100;

impl App {
    async fn given_up(&self, most: usize) -> Answer<store::GivenUp> {
        Ok(self.store().given_up(most, self.ambient().now()).await?)
    }
}

fn demand_admin(caller: &Caller) -> Answer<()> {
    if caller.is_admin() {
        return Ok(());
    }
    Err(Problem::new(Code::Forbidden, "only an admin may see and redrive dead letters"))
}
