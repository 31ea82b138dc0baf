//! A cache that takes no memory before it is used.

use std::fmt;
use std::ops::Deref;
use std::sync::LazyLock;

use moka::sync::Cache;

/// How a cache is made.
type Make<K, V> = Box<dyn FnOnce() -> Cache<K, V> + Send>;

/// A bounded cache, which is made when it is first looked at. One that is empty takes some 40 KB, and of the many that
/// remember what is rare, most are never used.
pub struct LateCache<K, V>(LazyLock<Cache<K, V>, Make<K, V>>);

impl<K, V> LateCache<K, V> {
    /// The cache that `make` makes.
    pub fn new(make: impl FnOnce() -> Cache<K, V> + Send + 'static) -> Self {
        Self(LazyLock::new(Box::new(make)))
    }
}

impl<K, V> Deref for LateCache<K, V> {
    type Target = Cache<K, V>;

    fn deref(&self) -> &Cache<K, V> {
        &self.0
    }
}

/// Shows nothing of what it holds.
impl<K, V> fmt::Debug for LateCache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LateCache")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn it_is_made_once_and_not_before_somebody_looks() {
        let made = Arc::new(AtomicU32::new(0));
        let making = Arc::clone(&made);
        let cache = LateCache::new(move || {
            making.fetch_add(1, Ordering::Relaxed);
            Cache::new(10)
        });
        assert_eq!(made.load(Ordering::Relaxed), 0);
        cache.insert(1, "one");
        assert_eq!((cache.get(&1), made.load(Ordering::Relaxed)), (Some("one"), 1));
    }
}
