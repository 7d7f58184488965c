internal import Changelog

/// The views of a store that may expire, oldest first.
final class ViewRegistry: Sendable {
  private struct State {
    var views: [WeakView] = []
    /// Released views are removed from the list from this many entries on.
    var pruneCount = ViewRegistry.leastPruneCount
    var onFirst: (@Sendable () -> Void)?
    /// Whether a call of ``ViewRegistry/expire(at:_:)`` is scheduled before the next view expires.
    var isWatched = false
    /// Whether a view was made since the last such call.
    var hasMore = false

    mutating func add(_ view: View) {
      if let last = views.last, last.view == nil { views.removeLast() }
      if views.count >= pruneCount {
        views.removeAll { $0.view == nil }
        pruneCount = max(ViewRegistry.leastPruneCount, 2 * views.count)
      }
      views.append(WeakView(view: view))
      hasMore = true
    }
  }

  private static let leastPruneCount = 64

  private struct WeakView {
    weak var view: View?
  }

  /// The greatest age of a view; `nil`: no view expires.
  private let expiry: Duration?
  private let state = Mutex(State())

  init(expiry: Duration?) { self.expiry = expiry }

  /// Makes a view, and records it if it can expire: if there is an expiry, and the view isn't for the store's own work.
  func makeView(
    of tables: OpenTables, _ state: CommittedState, _ layers: ReadLayers, _ usage: StoreUsage, canExpire: Bool = true
  ) -> View {
    let canExpire = canExpire && expiry != nil
    let view = View(tables, state, layers, usage, canExpire: canExpire)
    guard canExpire else { return view }
    let onFirst: (@Sendable () -> Void)? = self.state.withLock { state in
      state.add(view)
      // All views live equally long, so the scheduled call for an earlier one will find this one.
      if state.isWatched { return nil }
      state.isWatched = state.onFirst != nil
      return state.onFirst
    }
    onFirst?()
    return view
  }

  /// Calls `body` when a view is made and ``expire(at:_:)`` named no time to call it again.
  func onFirst(_ body: @escaping @Sendable () -> Void) {
    let hasViews = state.withLock { state in
      state.onFirst = body
      state.isWatched = !state.views.isEmpty
      return state.isWatched
    }
    if hasViews { body() }
  }

  /// Expires the views that are too old, and reports each; returns when to call it again.
  ///
  /// That is when the next view will be too old. After short-lived views it is one expiry later, so that the following
  /// views needn't schedule a call; `nil` once there were no views for that time.
  func expire(
    at now: ContinuousClock.Instant, _ tell: (View, _ age: Duration) -> Void
  ) -> ContinuousClock.Instant? {
    guard let expiry else { return nil }
    // Views are released after the lock, as the reference taken here may be their last.
    let (old, next) = state.withLock { state in
      state.views.removeAll { $0.view == nil }
      var old: [View] = []
      var next: ContinuousClock.Instant?
      for view in state.views.compactMap(\.view) {
        let end = view.takenAt.advanced(by: expiry)
        if end <= now { old.append(view) } else { next = min(next ?? end, end) }
      }
      state.views.removeAll { $0.view.map { $0.takenAt.advanced(by: expiry) <= now } ?? true }
      if next == nil, state.hasMore { next = now.advanced(by: expiry) }
      state.hasMore = false
      state.isWatched = next != nil
      return (old, next)
    }
    for view in old {
      view.expire()
      tell(view, view.takenAt.duration(to: now))
    }
    return next
  }
}
