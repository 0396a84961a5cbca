"""What the packaging standards define: versions, specifiers, markers, filenames."""
