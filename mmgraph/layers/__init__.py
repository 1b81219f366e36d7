"""Message passing and fusion layers, one file each."""
