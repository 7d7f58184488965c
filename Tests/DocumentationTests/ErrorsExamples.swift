import Tidemark

/// Opens a store, and makes one line of what went wrong for whoever is on call.
func openOrExplain(_ directory: String, _ changelog: some Changelog) -> (store: StateStore?, line: String) {
  do {
    return (try StateStore.open(directory, tables: [spent, orders], changelog: changelog), "open")
  } catch {
    switch error.kind {
    case .locked: return (nil, "wait: \(error)")
    case .corrupted: return (nil, "restore a file or rebuild: \(error)")
    case .wrongChangelog: return (nil, "look for the right changelog: \(error)")
    default: return (nil, "\(error)")
    }
  }
}
