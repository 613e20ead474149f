//! Stores for the regions of cachekit.
