//! What must hold of the reader: it finds in a file what was written into it, and no bytes harm it.
