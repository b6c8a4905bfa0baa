"""What `init` finds in public files, held against pandas."""
