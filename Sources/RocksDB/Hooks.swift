internal import CRocksDB

/// The closures of ``DatabaseOptions``, held by the shim until the database is closed and no thread of RocksDB can call
/// them any more.
final class Hooks: Sendable {
  let onCompactionCompleted: (@Sendable () -> Void)?
  let onCompactionFailed: (@Sendable (RocksDBError) -> Void)?
  let onBackgroundError: (@Sendable (RocksDBError) -> Void)?
  let onStallChanged: (@Sendable (_ family: String, WriteStall) -> Void)?
  private let keptUntilClosed: (any AnyObject & Sendable)?

  init(_ options: DatabaseOptions) {
    onCompactionCompleted = options.onCompactionCompleted
    onCompactionFailed = options.onCompactionFailed
    onBackgroundError = options.onBackgroundError
    onStallChanged = options.onStallChanged
    keptUntilClosed = options.keptUntilClosed
  }

  /// The hooks for the shim, which owns one reference and gives it back through `release`.
  var handle: RDBHooks {
    // Proof: each context below is the reference retained here, which `release` gives back after the last call.
    var hooks = unsafe RDBHooks()
    unsafe hooks.context = Unmanaged.passRetained(self).toOpaque()
    unsafe hooks.release = { context in unsafe Unmanaged<Hooks>.fromOpaque(context!).release() }
    if onCompactionCompleted != nil {
      unsafe hooks.compaction_completed = { context in unsafe Hooks.from(context).onCompactionCompleted?() }
    }
    if onCompactionFailed != nil {
      unsafe hooks.compaction_failed = { context, status in
        unsafe Hooks.from(context).onCompactionFailed?(RocksDBError(taking: status))
      }
    }
    if onStallChanged != nil {
      unsafe hooks.stall_changed = { context, family, stall in
        unsafe Hooks.from(context).onStallChanged?(string(family), WriteStall(rawValue: stall) ?? .none)
      }
    }
    if onBackgroundError != nil {
      unsafe hooks.background_error = { context, status in
        unsafe Hooks.from(context).onBackgroundError?(RocksDBError(taking: status))
      }
    }
    return unsafe hooks
  }

  private static func from(_ context: UnsafeMutableRawPointer?) -> Hooks {
    // Proof: see `handle`.
    unsafe Unmanaged<Hooks>.fromOpaque(context!).takeUnretainedValue()
  }
}
