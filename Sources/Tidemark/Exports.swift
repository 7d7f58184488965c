// An import of Tidemark includes the changelog's types: offsets, positions, errors, the file log.
@_exported public import Changelog
