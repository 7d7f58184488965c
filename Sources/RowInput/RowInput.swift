// RowInput
