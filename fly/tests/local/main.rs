//! Workers as processes of this machine, with real processes.

mod fixture;

mod lifecycle;

mod environment;

mod leftovers;
