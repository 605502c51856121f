"""Small pure languages (quantities, selectors, patches, names); knows only the standard library."""
