//! Routes that can describe themselves, and do so only when they are asked.
//!
//! A description is made of thousands of small pieces. `utoipa_axum`'s own router makes them as it is built, which took
//! half of the start of a Lambda that nobody asks for them. A router that is built from the same list for its answers
//! alone makes none, and its binary has not even the code for it.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter};
use utoipa::openapi::HttpMethod;
use utoipa_axum::PathItemExt;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

/// What a list of routes is put into: a router that answers, or one that describes itself, too.
pub trait Collects<S>: Default {
    /// With these routes, too.
    #[must_use]
    fn routes(self, routes: Routes<S>) -> Self;

    /// With another name of a path, which its description tells of elsewhere.
    #[must_use]
    fn route(self, path: &str, methods: MethodRouter<S>) -> Self;
}

/// Handlers and their descriptions, as [`routes!`](crate::routes) makes them.
#[derive(Clone, Copy, Debug)]
pub struct Routes<S> {
    /// Adds the handlers to a router.
    pub add: fn(Router<S>) -> Router<S>,
    /// Describes them.
    pub describe: fn() -> UtoipaMethodRouter<S>,
}

impl<S: Clone + Send + Sync + 'static> Collects<S> for Router<S> {
    fn routes(self, routes: Routes<S>) -> Self {
        (routes.add)(self)
    }

    fn route(self, path: &str, methods: MethodRouter<S>) -> Self {
        Self::route(self, path, methods)
    }
}

impl<S: Clone + Send + Sync + 'static> Collects<S> for OpenApiRouter<S> {
    fn routes(self, routes: Routes<S>) -> Self {
        Self::routes(self, (routes.describe)())
    }

    fn route(self, path: &str, methods: MethodRouter<S>) -> Self {
        Self::route(self, path, methods)
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::body::Body;
    use http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    #[utoipa::path(get, path = "/birds/{id}", responses((status = 200)))]
    async fn look() -> &'static str {
        "seen"
    }

    #[utoipa::path(delete, path = "/birds/{id}", responses((status = 200)))]
    async fn shoo() -> &'static str {
        "gone"
    }

    #[utoipa::path(post, path = "/birds", responses((status = 201)))]
    async fn hatch() -> &'static str {
        "hatched"
    }

    fn described<R: Collects<()>>() -> R {
        R::default()
            .routes(crate::routes!(look, shoo))
            .routes(crate::routes!(hatch))
            .route("/bird/{id}", axum::routing::get(look))
    }

    async fn ask(method: &str, path: &str) -> (u16, String) {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let answer = described::<Router>().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    #[tokio::test]
    async fn each_handler_answers_where_its_description_says() {
        assert_eq!(ask("GET", "/birds/1").await, (200, "seen".to_owned()));
        assert_eq!(ask("DELETE", "/birds/1").await, (200, "gone".to_owned()));
        assert_eq!(ask("POST", "/birds").await, (200, "hatched".to_owned()));
        assert_eq!(ask("GET", "/bird/1").await, (200, "seen".to_owned()));
        assert_eq!(ask("PUT", "/birds/1").await.0, 405);
        let told = described::<OpenApiRouter>().into_openapi().paths.paths;
        let mut told: Vec<_> = told.iter().collect();
        told.sort_unstable_by_key(|(path, _)| path.as_str());
        let [(all, birds), (one, bird)] = &told[..] else { panic!("two paths, and not {}", told.len()) };
        assert_eq!((all.as_str(), one.as_str()), ("/birds", "/birds/{id}"));
        assert!(birds.post.is_some() && bird.get.is_some() && bird.delete.is_some());
    }

    #[test]
    fn a_router_is_made_without_its_description() {
        static DESCRIBED: AtomicUsize = AtomicUsize::new(0);
        let routes: Routes<()> = Routes {
            describe: || {
                DESCRIBED.fetch_add(1, Ordering::SeqCst);
                utoipa_axum::routes!(hatch)
            },
            ..crate::routes!(hatch)
        };
        let _: Router = Collects::routes(Router::new(), routes);
        assert_eq!(DESCRIBED.load(Ordering::SeqCst), 0);
        let _: OpenApiRouter = Collects::routes(OpenApiRouter::new(), routes);
        assert_eq!(DESCRIBED.load(Ordering::SeqCst), 1);
    }
}
