//! Zones and answers that nobody here wrote. They lie beside the repository, not in it; where
//! they are absent, these tests say so and pass.

mod corpus;
mod injected;
mod majority;
mod production;
