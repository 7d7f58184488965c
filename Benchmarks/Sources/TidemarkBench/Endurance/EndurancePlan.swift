import Foundation

/// The settings that all processes of an endurance run share.
struct EndurancePlan: Codable, Sendable {
  /// The directory of the state: `store/`, `log/` and `checkpoints/`.
  let directory: String
  /// Operations, and instants of kills, are drawn from it.
  let seed: UInt64
  /// The memory budget of the store.
  let budgetBytes: Int
  /// The size of the live keys and values, as a multiple of the budget.
  let times: Double
  /// The number of possible items, chosen so that the existing ones take the requested size.
  let items: Int
  /// Operations a second, once the items are loaded.
  let rate: Int
  let checkpointSeconds: Double

  /// So small that the changelog is deleted a part at a time.
  static let segmentBytes = 16 << 20

  init(directory: String, seed: UInt64, budgetBytes: Int, times: Double, rate: Int, checkpointSeconds: Double) {
    self.directory = directory
    self.seed = seed
    self.budgetBytes = budgetBytes
    self.times = times
    let rows = Double(budgetBytes) * times / Double(Item.meanBytes)
    items = Int((rows / MixedOperation.leastShareOfItems).rounded(.up))
    self.rate = rate
    self.checkpointSeconds = checkpointSeconds
  }

  /// As an argument of another process.
  var json: String {
    get throws { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) }
  }

  var files: StoreFiles { StoreFiles(directory: directory) }
  var checkpoints: String { directory + "/checkpoints" }
}
