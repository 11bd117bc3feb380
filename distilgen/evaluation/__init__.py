"""The student against its teacher."""
