// Whoever imports Changelog has errors and bytes.
@_exported public import TidemarkBase
