//! The signal that there may be something new, and whether it was this process that told it.

use tokio::sync::watch;

/// Where the signal is given: by who commits here, and by the hints of other nodes.
#[derive(Clone, Debug)]
pub struct Wake(watch::Sender<u64>);

/// Where it is heard. The value counts the commits of this process that had something to tell.
pub type Wakes = watch::Receiver<u64>;

impl Wake {
    /// The signal, and its first hearer.
    pub fn new() -> (Self, Wakes) {
        let (sender, receiver) = watch::channel(0);
        (Self(sender), receiver)
    }

    /// There is something new, and it came by this process: other nodes shall be told.
    pub fn committed(&self) {
        self.0.send_modify(|own| *own += 1);
    }

    /// There may be something new. Other nodes know it already, or have nothing to learn.
    pub fn hint(&self) {
        self.0.send_modify(|_| ());
    }

    /// One more hearer.
    pub fn subscribe(&self) -> Wakes {
        self.0.subscribe()
    }

    /// Whether nobody hears it any more.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}
