//! The way of a body from its request to a mirror: bounded, and nobody waits at its entrance.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Waker;

/// The body of a copy, on its way from the request to the mirror.
#[derive(Debug)]
pub(super) struct Pipe {
    /// What the mirror has not taken yet.
    pub(super) bytes: Vec<u8>,
    /// The most that may be here.
    most: usize,
    pub(super) end: End,
    pub(super) waker: Option<Waker>,
}

/// Whether more is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Open,
    /// The body is over.
    Whole,
    /// The copy is given up.
    Cut,
}

/// The end of a pipe where the request's body passes.
#[derive(Debug)]
pub(crate) struct Tap {
    pipe: Rc<RefCell<Pipe>>,
    /// The mirror should get a chance to take what is here before more comes.
    is_behind: bool,
}

impl Tap {
    /// A pipe that holds so many bytes, and where the body goes into it.
    pub(super) fn new(most: usize) -> (Self, Rc<RefCell<Pipe>>) {
        let pipe = Rc::new(RefCell::new(Pipe {
            bytes: Vec::new(),
            most,
            end: End::Open,
            waker: None,
        }));
        let tap = Self {
            pipe: pipe.clone(),
            is_behind: false,
        };
        (tap, pipe)
    }

    /// Copies a part of the body.
    pub(crate) fn data(&mut self, data: &[u8]) {
        let pipe = &mut *self.pipe.borrow_mut();
        if pipe.end != End::Open {
            return;
        }
        if pipe.bytes.len() + data.len() > pipe.most {
            pipe.close(End::Cut);
            return;
        }
        pipe.bytes.extend_from_slice(data);
        self.is_behind = pipe.bytes.len() > pipe.most / 2;
        pipe.wake();
    }

    /// The body is over.
    pub(crate) fn end(&mut self) {
        let pipe = &mut *self.pipe.borrow_mut();
        if pipe.end == End::Open {
            pipe.close(End::Whole);
        }
    }

    /// Whether the mirror should get a chance to run now; says so once.
    pub(crate) fn take_behind(&mut self) -> bool {
        std::mem::take(&mut self.is_behind)
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        let pipe = &mut *self.pipe.borrow_mut();
        if pipe.end == End::Open {
            pipe.close(End::Cut);
        }
    }
}

impl Pipe {
    fn close(&mut self, end: End) {
        self.end = end;
        if end == End::Cut {
            self.bytes = Vec::new();
        }
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}
