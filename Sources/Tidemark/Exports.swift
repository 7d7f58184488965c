// Whoever imports Tidemark has the changelog's vocabulary: offsets, positions, errors, the file log.
@_exported public import Changelog
