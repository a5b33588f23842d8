//! Many small pieces of work at once, but not too many.

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::store::StoreError;

/// How many statements of one call run at once.
const AT_ONCE: usize = 32;

/// Does all of it, and answers in its order; the first failure ends it.
pub(super) async fn together<T>(
    work: Vec<impl Future<Output = Result<T, StoreError>> + Send>,
) -> Result<Vec<T>, StoreError> {
    stream::iter(work).buffered(AT_ONCE).try_collect().await
}
