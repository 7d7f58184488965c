internal import Changelog

/// The views of a store that may expire, oldest first.
final class ViewRegistry: Sendable {
  private struct State {
    var views: [WeakView] = []
    var onFirst: (@Sendable () -> Void)?
  }

  private struct WeakView {
    weak var view: View?
  }

  /// How old a view may grow; `nil`: none expires.
  private let expiry: Duration?
  private let state = Mutex(State())

  init(expiry: Duration?) { self.expiry = expiry }

  /// Makes a view, and remembers it if it may expire.
  func makeView(
    of tables: OpenTables, _ state: CommittedState, _ layers: ReadLayers, _ usage: StoreUsage
  ) -> View {
    let view = View(tables, state, layers, usage, canExpire: expiry != nil)
    guard expiry != nil else { return view }
    let onFirst = self.state.withLock { state in
      if let last = state.views.last, last.view == nil { state.views.removeLast() }
      state.views.append(WeakView(view: view))
      // All live equally long, so whoever waits for an earlier one will find this one.
      return state.views.count == 1 ? state.onFirst : nil
    }
    onFirst?()
    return view
  }

  /// Calls `body` whenever there is a view after there was none.
  func onFirst(_ body: @escaping @Sendable () -> Void) {
    let hasViews = state.withLock { state in
      state.onFirst = body
      return !state.views.isEmpty
    }
    if hasViews { body() }
  }

  /// Ends the views that are too old, and tells of each; answers when the next one will be.
  func expire(
    at now: ContinuousClock.Instant, _ tell: (View, _ age: Duration) -> Void
  ) -> ContinuousClock.Instant? {
    guard let expiry else { return nil }
    // Views are let go of after the lock is released, as their last reference may be the one taken here.
    let (old, next) = state.withLock { state in
      state.views.removeAll { $0.view == nil }
      var old: [View] = []
      var next: ContinuousClock.Instant?
      for view in state.views.compactMap(\.view) {
        let end = view.takenAt.advanced(by: expiry)
        if end <= now { old.append(view) } else { next = min(next ?? end, end) }
      }
      state.views.removeAll { $0.view.map { $0.takenAt.advanced(by: expiry) <= now } ?? true }
      return (old, next)
    }
    for view in old {
      view.expire()
      tell(view, view.takenAt.duration(to: now))
    }
    return next
  }
}
