"""What the operator wants: selectors, roots, groups, requirements and lock files."""
