import Tidemark

/// What to do after a commit that failed.
enum Reaction: Equatable {
  case goOn
  /// Nothing was committed and all is staged: wait, then commit again, or abort.
  case tryAgain
  /// Nothing was committed: abort, and commit more often from here on.
  case abort
  /// Nobody can tell, or the store has failed: close it, open it again, and read on from the position that it shows.
  case reopen
  /// Another writer has the changelog.
  case stop
}

func commit(_ transaction: inout Transaction, _ position: Position) throws -> Reaction {
  do {
    try transaction.commit(position)
    return .goOn
  } catch {
    switch error.kind {
    case .unavailable, .outOfSpace: return .tryAgain
    case .tooLarge: return .abort
    case .commitUnknown, .failed: return .reopen
    case .fenced: return .stop
    default: throw error
    }
  }
}

/// One view is one commit: rows, offset, positions and stream time belong together.
func consistentReport(_ store: StateStore) throws -> (sum: Int64, position: Position) {
  let view = try store.snapshot()
  var sum: Int64 = 0
  var rows = try view.scan(spent)
  while let row = try rows.next() { sum += row.value }
  return (sum, view.position)
}
