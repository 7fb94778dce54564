//! What the world says: inspection results, products, subjects, places, scales, time, calendars.
