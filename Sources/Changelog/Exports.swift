// An import of Changelog includes errors and bytes.
@_exported public import TidemarkBase
