/// Lets so many work at a time, in the order in which they asked.
package final class Turns: Sendable {
  private struct State {
    var free: Int
    /// How many have asked, and how many of them were let in.
    var asked = 0
    var admitted = 0
  }

  private let state: Mutex<State>

  package init(_ count: Int) { state = Mutex(State(free: count)) }

  /// How many wait.
  package var waitingCount: Int { state.withLock { $0.asked - $0.admitted } }

  /// Waits for a turn, and runs `body`.
  package func take<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
    let ticket = state.withLock { state in
      defer { state.asked += 1 }
      return state.asked
    }
    state.wait {
      $0.admitted == ticket && $0.free > 0
    } _: {
      $0.admitted += 1
      $0.free -= 1
    }
    // The next waiter may continue, too, if there is room for more than one.
    state.wake()
    defer {
      state.withLock { $0.free += 1 }
      state.wake()
    }
    return try body()
  }
}
