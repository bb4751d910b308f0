//! (made when its first code arrives)
