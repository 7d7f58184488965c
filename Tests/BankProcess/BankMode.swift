/// The task of a `BankProcess`.
package enum BankMode: String, CaseIterable {
  /// Opens the bank and applies transfers until it is killed.
  case run
  /// The same, with the round's options, checkpoints, and a changelog that is deleted below them.
  case work
  /// The same as `work`, for a store without a changelog.
  case alone
  /// The same as `work`, with so little memory that a restore sorts on disk.
  case resume
  /// The same as `resume`, but the store is set aside first, so that all of it is restored.
  case rebuild
  /// Keeps the bank open until its standard input ends.
  case hold
  /// Opens the bank with little memory, and ends.
  case restore
  /// Makes the missing parts of a fork of the bank, and ends.
  case fork
}
