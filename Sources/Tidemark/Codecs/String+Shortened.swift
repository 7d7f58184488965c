extension String {
  /// How much of a user's value an error shows.
  static let shownCharacters = 100

  /// The text, or its start and an ellipsis.
  var shortened: String { count <= Self.shownCharacters ? self : prefix(Self.shownCharacters - 1) + "…" }
}
