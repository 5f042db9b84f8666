//! What the function is told by its environment.

use std::time::Duration;

use boot::Vars;
use domain::user::{self, Email};
use edge::CorsPolicy;
use edge::rate::Limit;

/// Every variable that it reads.
pub const VARIABLES: &[&str] = &[
    "TABLE_NAME",
    "AUTH_SECRET_ID",
    "JOBS_LOW_QUEUE_URL",
    "AUTH_RATE_LIMIT_MAX",
    "RATE_LIMIT_WINDOW_MS",
    "ADMIN_EMAIL",
    "PASSWORD_MIN_SCORE",
    "CORS_ORIGINS",
];

/// Every AWS action that it may take. A transaction needs the actions of its parts and none of its own.
pub const ACTIONS: &[&str] = &[
    "dynamodb:BatchGetItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
    "secretsmanager:GetSecretValue",
    "sqs:SendMessage",
];

/// How many failed logins of one account a window allows, and how many wrong passwords of one session's user.
const FAILURES: u64 = 10;

/// The function's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// The table's name.
    pub table: String,
    /// The id of the secret that signs tokens.
    pub auth_secret: String,
    /// The URL of the queue that takes the message which removes what a deleted user leaves.
    pub low_queue: String,
    /// How many registrations, and how many logins, an address may send in a window; what else asks for a password
    /// counts as a login. 0 for any number, and then failed logins are not counted either.
    pub limit: u64,
    /// How long the window is.
    pub window: Duration,
    /// The address whose user is an admin.
    pub admin: Option<Email>,
    /// The weakest password that is taken: zxcvbn's score, 0 to 4.
    pub password_min_score: u8,
    /// Which origins a browser may call from.
    pub cors: CorsPolicy,
}

impl Config {
    /// Reads the settings; what is wrong with them is noted in `vars`.
    pub fn read(vars: &mut Vars) -> Self {
        let password_min_score = vars.or("PASSWORD_MIN_SCORE", 2);
        if password_min_score > 4 {
            vars.fault("PASSWORD_MIN_SCORE", "must be 0 to 4");
        }
        let admin = vars.text("ADMIN_EMAIL").and_then(|text| {
            Email::parse(&text).map_err(|refused| vars.fault("ADMIN_EMAIL", refused.to_string())).ok()
        });
        Self {
            table: vars.required("TABLE_NAME"),
            auth_secret: vars.required("AUTH_SECRET_ID"),
            low_queue: vars.required("JOBS_LOW_QUEUE_URL"),
            limit: vars.or("AUTH_RATE_LIMIT_MAX", 100),
            window: vars.duration(["RATE_LIMIT_WINDOW_MS", "RATE_LIMIT_WINDOW"], Duration::from_secs(900)),
            admin,
            password_min_score,
            cors: CorsPolicy::read(vars),
        }
    }

    pub(crate) fn register_limit(&self) -> Limit {
        Limit { scope: "register", max: self.limit, window: self.window }
    }

    pub(crate) fn login_limit(&self) -> Limit {
        Limit { scope: "login", ..self.register_limit() }
    }

    pub(crate) fn failure_limit(&self) -> Limit {
        let max = if self.limit == 0 { 0 } else { FAILURES };
        Limit { scope: "login-failures", max, ..self.register_limit() }
    }

    /// Of those who are logged in already. Counted apart from failed logins: those are anybody's to make, and
    /// nobody else shall keep the owner from a change of the password.
    pub(crate) fn proof_limit(&self) -> Limit {
        Limit { scope: "password-failures", ..self.failure_limit() }
    }

    pub(crate) fn role(&self, email: &Email) -> user::Role {
        let is_admin = self.admin.as_ref().is_some_and(|admin| admin.digest() == email.digest());
        if is_admin { user::Role::Admin } else { user::Role::User }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_variables_is_what_is_read() {
        let mut vars = Vars::new([
            ("TABLE_NAME", "t"),
            ("AUTH_SECRET_ID", "s"),
            ("JOBS_LOW_QUEUE_URL", "q"),
            ("RATE_LIMIT_WINDOW", "60000"),
        ]);
        let config = Config::read(&mut vars);
        let mut listed = VARIABLES.to_vec();
        listed.sort_unstable();
        assert_eq!(vars.names(), listed);
        assert_eq!(vars.required_names(), ["AUTH_SECRET_ID", "JOBS_LOW_QUEUE_URL", "TABLE_NAME"]);
        vars.finish().unwrap();
        assert_eq!((config.limit, config.window), (100, Duration::from_secs(60)));
        assert_eq!(config.failure_limit().max, FAILURES);
        assert_eq!(Config { limit: 0, ..config }.failure_limit().max, 0);
    }

    #[test]
    fn every_fault_is_told() {
        let mut vars =
            Vars::new([("PASSWORD_MIN_SCORE", "5"), ("ADMIN_EMAIL", "nobody"), ("CORS_ORIGINS", "x")]);
        Config::read(&mut vars);
        let told: Vec<_> = vars.finish().unwrap_err().faults().iter().map(|fault| fault.name).collect();
        let all = [
            "PASSWORD_MIN_SCORE",
            "ADMIN_EMAIL",
            "TABLE_NAME",
            "AUTH_SECRET_ID",
            "JOBS_LOW_QUEUE_URL",
            "CORS_ORIGINS",
        ];
        assert_eq!(told, all);
    }

    #[test]
    fn the_admin_is_known_by_the_address_in_any_case() {
        let mut vars = Vars::new([("ADMIN_EMAIL", "Root@Example.com")]);
        let config = Config::read(&mut vars);
        assert_eq!(config.role(&Email::parse("root@example.COM").unwrap()), user::Role::Admin);
        assert_eq!(config.role(&Email::parse("toor@example.com").unwrap()), user::Role::User);
        for nobody in [&[][..], &[("ADMIN_EMAIL", "")], &[("ADMIN_EMAIL", " ")]] {
            let config = Config::read(&mut Vars::new(nobody.iter().copied()));
            assert_eq!(config.role(&Email::parse("root@example.com").unwrap()), user::Role::User);
        }
    }
}
