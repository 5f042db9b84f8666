//! Routes that can describe themselves, and do so only when they are asked.
//!
//! A description is made of thousands of small pieces. `utoipa_axum`'s own router makes them as it is built, which took
//! half of the start of a Lambda that nobody asks for them.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter};
use utoipa::openapi::{HttpMethod, OpenApi};
use utoipa_axum::PathItemExt;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

/// A router, and what its canonical routes would say of themselves.
#[derive(Clone, Debug)]
pub struct DescribedRouter<S> {
    router: Router<S>,
    descriptions: Vec<fn() -> UtoipaMethodRouter<S>>,
}

/// Handlers and their descriptions, as [`routes!`](crate::routes) makes them.
#[derive(Clone, Copy, Debug)]
pub struct Routes<S> {
    /// Adds the handlers to a router.
    pub add: fn(Router<S>) -> Router<S>,
    /// Describes them.
    pub describe: fn() -> UtoipaMethodRouter<S>,
}

impl<S: Clone + Send + Sync + 'static> Default for DescribedRouter<S> {
    fn default() -> Self {
        Self { router: Router::new(), descriptions: Vec::new() }
    }
}

impl<S: Clone + Send + Sync + 'static> DescribedRouter<S> {
    /// With these routes, too.
    #[must_use]
    pub fn routes(mut self, routes: Routes<S>) -> Self {
        self.descriptions.push(routes.describe);
        Self { router: (routes.add)(self.router), ..self }
    }

    /// With another name of a path, which its description tells of elsewhere.
    #[must_use]
    pub fn route(self, path: &str, methods: MethodRouter<S>) -> Self {
        Self { router: self.router.route(path, methods), ..self }
    }

    /// The router, which describes nothing.
    pub fn into_router(self) -> Router<S> {
        self.router
    }

    /// The description.
    pub fn into_openapi(self) -> OpenApi {
        let described = self.descriptions.into_iter();
        described.fold(OpenApiRouter::new(), |all, describe| all.routes(describe())).into_openapi()
    }
}

/// A handler for these methods.
pub fn on<H, T, S>(methods: Vec<HttpMethod>, handler: H) -> MethodRouter<S>
where
    H: Handler<T, S>,
    T: 'static,
    S: Clone + Send + Sync + 'static,
{
    let add = |router: MethodRouter<S>, method: &HttpMethod| {
        let filter: MethodFilter = method.to_method_filter();
        router.on(filter, handler.clone())
    };
    methods.iter().fold(MethodRouter::new(), add)
}

/// Handlers under the paths and methods of their `#[utoipa::path]`.
///
/// The words after `@path` are `utoipa_axum`'s own way to a handler's path and methods; it has no other.
#[macro_export]
macro_rules! routes {
    ($($($part:ident)::+),+ $(,)?) => {
        $crate::described::Routes {
            add: |router| {
                router$(.route(
                    &utoipa_axum::routes!(@path [path()] of $($part)::+),
                    $crate::described::on(utoipa_axum::routes!(@path [methods()] of $($part)::+), $($part)::+),
                ))+
            },
            describe: || utoipa_axum::routes!($($($part)::+),+),
        }
    };
}
