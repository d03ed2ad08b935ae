"""What pages show: figures in words and charts."""
