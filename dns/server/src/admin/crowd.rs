//! How much one tenant may have under way: each request that waits for its turn, for an event or for the rest of
//! its body has a connection, of which there are so many for all.

use tokio::sync::{Semaphore, SemaphorePermit};

use super::error::Refusal;
use crate::tenants::{TenantId, Tenants};

/// Requests of one tenant at a time.
const MOST: usize = 16;

/// Those under way, by the tenant's number.
#[derive(Debug)]
pub(super) struct Crowd(Vec<Semaphore>);

impl Crowd {
    pub(super) fn new(tenants: &Tenants) -> Self {
        Self((0..tenants.count()).map(|_| Semaphore::new(MOST)).collect())
    }

    /// A place for a request, until that is answered or given up. Operators need none.
    ///
    /// # Errors
    /// The tenant has all of its places.
    pub(super) fn enter(
        &self,
        tenant: Option<TenantId>,
    ) -> Result<Option<SemaphorePermit<'_>>, Refusal> {
        let places = tenant.and_then(|tenant| self.0.get(tenant.number()));
        places.map(|places| places.try_acquire().map_err(|_| Refusal::Crowded)).transpose()
    }
}
